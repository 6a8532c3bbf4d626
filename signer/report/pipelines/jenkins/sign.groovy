        // Signs what DTR has promoted. TRIGGER_PAYLOAD holds the webhook's body as text; what may be
        // signed stands in signer.toml beside this file.
        stage('sign') {
            when { expression { env.TRIGGER_PAYLOAD } }
            agent { label 'signer' }
            environment { DTR_SERVER = '@{host}' }
            steps {
                withCredentials([
                    usernamePassword(credentialsId: 'dtr', usernameVariable: 'DTR_USERNAME', passwordVariable: 'DTR_PASSWORD'),
                    file(credentialsId: 'signer-key', variable: 'SIGNER_KEY_FILE'),
                    string(credentialsId: 'signer-key-passphrase', variable: 'DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE'),
                ]) {
                    script {
                        // 6 and 9 are worth another attempt; 10 is the gate's refusal: nothing was signed.
                        int code = 6
                        for (int attempt = 0; attempt < 3 && (code == 6 || code == 9); attempt++) {
                            code = sh(returnStatus: true, script: '''
                                set +x
                                signer sign --event --config signer.toml --junit sign.xml \
                                    --key "$SIGNER_KEY_FILE" --allow-shared-key-file
                            ''')
                        }
                        if (code == 10) {
                            unstable('The gate refuses: nothing was signed.')
                        } else if (code != 0) {
                            error("signer ended with ${code}")
                        }
                    }
                }
            }
            post { always { junit allowEmptyResults: true, skipMarkingBuildUnstable: true, testResults: 'sign.xml' } }
        }
