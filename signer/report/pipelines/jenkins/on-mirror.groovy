        string(name: 'UPSTREAM', defaultValue: '', description: 'image to copy, NAME:TAG@sha256:...')
        string(name: 'NAME', defaultValue: '', description: 'its name here')
