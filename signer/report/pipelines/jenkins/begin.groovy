
pipeline {
    agent none
    options { disableConcurrentBuilds() }
