//! Every kernel of `shaders/` parses, is valid without optional GPU features, and keeps to the launch convention.

use std::path::PathBuf;

use naga::valid::{Capabilities, GlobalUse, ValidationFlags, Validator};
use naga::{AddressSpace, ScalarKind, ShaderStage, StorageAccess, TypeInner};

fn shaders() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shaders");
    let mut found: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wgsl"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn all_kernels_are_valid_and_keep_to_the_convention() {
    let shaders = shaders();
    for name in ["picture_reduce", "picture_colorize", "picture_upsample"] {
        assert!(shaders.iter().any(|(found, _)| found == name), "{name}");
    }
    for (name, source) in shaders {
        check(&name, &source);
    }
}

fn check(name: &str, source: &str) {
    let module =
        naga::front::wgsl::parse_str(source).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(source)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(source)));

    // One entry point `main` with workgroups of 64 in one dimension.
    let [entry] = module.entry_points.as_slice() else { panic!("{name}: one entry point") };
    assert_eq!((entry.name.as_str(), entry.stage), ("main", ShaderStage::Compute), "{name}");
    assert_eq!(entry.workgroup_size, [64, 1, 1], "{name}");
    assert!(module.overrides.is_empty(), "{name}: nobody sets overrides");

    let mut bindings = Vec::new();
    for (handle, variable) in module.global_variables.iter() {
        let variable_name = variable.name.as_deref().unwrap_or_default();
        let AddressSpace::Storage { access } = variable.space else {
            assert!(variable.binding.is_none(), "{name}: `{variable_name}` is no storage buffer");
            continue;
        };
        let binding = variable.binding.as_ref().unwrap_or_else(|| panic!("{name}: `{variable_name}` has no binding"));
        assert_eq!(binding.group, 0, "{name}: `{variable_name}`");
        // The layout is made from what `main` uses: a buffer that it does not touch would have no place in it.
        let used = info.get_entry_point(0)[handle];
        assert!(!used.is_empty(), "{name}: `{variable_name}` is never used");
        let TypeInner::Array { base, .. } = module.types[variable.ty].inner else {
            panic!("{name}: `{variable_name}` is no array")
        };
        let element = module.types[base].inner.scalar().unwrap_or_else(|| panic!("{name}: `{variable_name}`"));
        assert_eq!(element.width, 4, "{name}: `{variable_name}`");
        bindings.push((binding.binding, variable_name, access, used, element.kind));
    }
    bindings.sort_by_key(|(binding, ..)| *binding);
    assert!(bindings.iter().zip(0..).all(|((binding, ..), index)| *binding == index), "{name}: bindings from 0 on");
    assert!(bindings.len() <= 8, "{name}: WebGPU guarantees eight storage buffers");

    // Inputs, output, info.
    let [inputs @ .., output, last] = bindings.as_slice() else { panic!("{name}: at least output and info") };
    let (_, info_name, _, info_used, kind) = last;
    assert_eq!((*info_name, *kind), ("info", ScalarKind::Uint), "{name}: info comes last");
    assert!(!info_used.contains(GlobalUse::WRITE), "{name}: info is only read");
    let (_, output_name, access, used, _) = output;
    assert_eq!(*output_name, "output", "{name}: the output comes after the inputs");
    assert!(access.contains(StorageAccess::STORE) && used.contains(GlobalUse::WRITE), "{name}: the output is written");
    for (_, input, _, used, _) in inputs {
        assert!(!used.contains(GlobalUse::WRITE), "{name}: the input `{input}` is only read");
    }

    // What each binding is stands at the top.
    let header: String = source.lines().take_while(|line| line.starts_with("//")).collect();
    assert!(header.contains("Bindings: 0 "), "{name}: bindings are described at the top");
    assert!(source.contains("id.y * (groups.x * 64u) + id.x"), "{name}: workgroups spread over x and y");
    assert!(source.contains("if index >= info[0] {"), "{name}: nothing beyond the element count is touched");
}
