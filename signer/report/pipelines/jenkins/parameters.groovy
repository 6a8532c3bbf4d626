    parameters {
