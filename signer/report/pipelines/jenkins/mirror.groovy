        // Copies an upstream image into a build repository; from there it goes the way of all images.
        // Parameters: UPSTREAM, for example alpine:3.20@sha256:..., and NAME, for example alpine.
        stage('mirror') {
            when { expression { env.UPSTREAM && !env.TRIGGER_PAYLOAD } }
            agent { label 'docker' }
            environment {
                DTR_SERVER = '@{host}'
                IMAGE = "@{host}/@{namespace}/${env.NAME}_build:${env.BUILD_NUMBER}"
            }
            steps {
                withCredentials([usernamePassword(credentialsId: 'dtr', usernameVariable: 'DTR_USERNAME', passwordVariable: 'DTR_PASSWORD')]) {
                    sh '''
                        set +x
                        printf '%s' "$DTR_PASSWORD" | docker login --username "$DTR_USERNAME" --password-stdin "$DTR_SERVER"
                        docker pull "$UPSTREAM"
                        docker tag "$UPSTREAM" "$IMAGE"
                        docker push "$IMAGE"
                    '''
                }
            }
            post { always { sh 'docker rmi "$IMAGE" "$UPSTREAM" || true; docker logout "$DTR_SERVER"' } }
        }
