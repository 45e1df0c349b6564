"""The end-to-end harness: machines made of namespaces, real parts inside, nothing left behind."""
