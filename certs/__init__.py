"""Who is who: authorities, identities, trust bundles, verification and the node's key store."""
