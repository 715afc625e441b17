"""The guard of a node's CDC directory. `node/bundle.py` packs it into one file, cdcguard.pyz."""
