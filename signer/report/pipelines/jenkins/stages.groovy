    stages {
