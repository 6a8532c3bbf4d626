        // Builds an image, and pushes it into the build repository: there it is scanned and promoted.
        stage('build') {
            when { expression { !env.TRIGGER_PAYLOAD && !env.UPSTREAM && !env.DEPLOY_TAG && fileExists('Dockerfile') } }
            agent { label 'docker' }
            environment {
                DTR_SERVER = '@{host}'
                IMAGE = "@{host}/@{repository}_build:${env.BUILD_NUMBER}"
            }
            steps {
                withCredentials([usernamePassword(credentialsId: 'dtr', usernameVariable: 'DTR_USERNAME', passwordVariable: 'DTR_PASSWORD')]) {
                    sh '''
                        set +x
                        printf '%s' "$DTR_PASSWORD" | docker login --username "$DTR_USERNAME" --password-stdin "$DTR_SERVER"
                        docker build --pull --tag "$IMAGE" .
                        docker push "$IMAGE"
                    '''
                }
            }
            post { always { sh 'docker rmi "$IMAGE" || true; docker logout "$DTR_SERVER"' } }
        }
