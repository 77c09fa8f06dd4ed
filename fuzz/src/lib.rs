//! What the fuzz targets share.

use innspect_formats::{FormatError, Imported};

/// A network that was read holds together.
pub fn check(result: Result<Imported, FormatError>) {
    match result {
        Ok(imported) => {
            let nodes = imported.graph.nodes.len();
            let again = innspect_graph::passes::compact(imported.graph).expect("what was read holds together");
            assert_eq!(again.nodes.len(), nodes);
        }
        Err(error) => assert!(!error.what().is_empty() && !error.advice().is_empty(), "{error:?}"),
    }
}
