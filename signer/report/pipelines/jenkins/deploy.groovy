        // Decides before anything is deployed. The digest that was verified is the one that is deployed.
        // Parameter: DEPLOY_TAG.
        stage('verify') {
            when { expression { env.DEPLOY_TAG && !env.TRIGGER_PAYLOAD } }
            agent { label 'signer' }
            environment { DTR_SERVER = '@{host}' }
            steps {
                withCredentials([usernamePassword(credentialsId: 'dtr', usernameVariable: 'DTR_USERNAME', passwordVariable: 'DTR_PASSWORD')]) {
                    sh '''
                        set +x
                        signer verify "@{host}/@{repository}:$DEPLOY_TAG" --signer @{signer} \
                            --config signer.toml --junit verify.xml --dotenv verify.env
                    '''
                }
                stash name: 'verified', includes: 'verify.env'
            }
            post { always { junit allowEmptyResults: true, testResults: 'verify.xml' } }
        }
        stage('deploy') {
            when { expression { env.DEPLOY_TAG && !env.TRIGGER_PAYLOAD } }
            agent { label 'docker' }
            steps {
                unstash 'verified'
                // DOCKER_HOST and DOCKER_CERT_PATH: a client bundle of UCP.
                sh '. ./verify.env && docker service update --with-registry-auth --image "$SIGNER_REFERENCE" flask'
            }
        }
