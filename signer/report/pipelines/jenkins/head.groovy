// Written by "signer ci jenkins". Pages about it: docs/ci/jenkins.md of signer.
//
// Credentials (Manage Jenkins > Credentials):
//   dtr                    user name and password of an account of the registry
//   signer-key             secret file: the signer's key.pem
//   signer-key-passphrase  secret text: of the key; any text where it is not encrypted
//   dtr-webhook            secret text: the token in the webhook's URL
// Plug-ins: Pipeline, Credentials Binding, JUnit, Generic Webhook Trigger.
