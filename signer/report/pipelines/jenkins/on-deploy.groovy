        string(name: 'DEPLOY_TAG', defaultValue: '', description: 'tag to verify and deploy')
