"""Guard a node's CDC directory. `node/bundle.py` packs this into one file, cdcguard.pyz."""
