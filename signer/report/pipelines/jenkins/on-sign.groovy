    // DTR's webhook: https://JENKINS/generic-webhook-trigger/invoke?token=TOKEN
    triggers {
        GenericTrigger(
            genericVariables: [[key: 'TRIGGER_PAYLOAD', value: '$']],
            tokenCredentialId: 'dtr-webhook',
            printContributedVariables: false,
            printPostContent: false
        )
    }
