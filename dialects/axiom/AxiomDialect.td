// The whole dialect, for TableGen.
include "dialects/axiom/AxiomOps.td"
include "dialects/axiom/AxiomFusedOps.td"
