//! Real pickles byte by byte (the Python that made each stands above it), refusals, and damage.

use proptest::prelude::*;

use super::*;

/// `pickle.dumps({"w": numpy.array([[1, 2], [3, 4]], ">f4", order="F"), "n": -3}, protocol=2)`, with NumPy 1.
const NUMPY: &[u8] = b"\x80\x02}q\x00(X\x01\x00\x00\x00wq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85q\x04c_codecs\nencode\nq\x05X\x01\x00\x00\x00bq\x06X\x06\x00\x00\x00latin1q\x07\x86q\x08Rq\x09\x87q\x0aRq\x0b(K\x01K\x02K\x02\x86q\x0ccnumpy\ndtype\nq\x0dX\x02\x00\x00\x00f4q\x0e\x89\x88\x87q\x0fRq\x10(K\x03X\x01\x00\x00\x00>q\x11NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x12b\x88h\x05X\x14\x00\x00\x00?\xc2\x80\x00\x00@@\x00\x00@\x00\x00\x00@\xc2\x80\x00\x00q\x13h\x07\x86q\x14Rq\x15tq\x16bX\x01\x00\x00\x00nq\x17J\xfd\xff\xff\xffu.";

/// What `torch.save({"a.weight": t, "b": t[1]}, f, _use_new_zipfile_serialization=False)` writes for the 2x2 tensor
/// `t = [[1, 2], [3, 4]]`: both tensors look at one storage.
fn legacy() -> Vec<u8> {
    let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    bytes.extend_from_slice(b"\x80\x02M\xe9\x03.");
    bytes.extend_from_slice(
        b"\x80\x02}q\x00(X\x10\x00\x00\x00protocol_versionq\x01M\xe9\x03X\x0d\x00\x00\x00little_endianq\x02\x88u.",
    );
    bytes.extend_from_slice(b"\x80\x02}q\x00(X\x08\x00\x00\x00a.weightq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03ctorch\nFloatStorage\nq\x04X\x02\x00\x00\x0042q\x05X\x03\x00\x00\x00cpuq\x06K\x04Ntq\x07QK\x00K\x02K\x02\x86q\x08K\x02K\x01\x86q\x09\x89ccollections\nOrderedDict\nq\x0a)Rq\x0btq\x0cRq\x0dX\x01\x00\x00\x00bq\x0eh\x02(h\x07QK\x02K\x02\x85q\x0fK\x01\x85q\x10\x89h\x0a)Rq\x11tq\x12Rq\x13u.");
    bytes.extend_from_slice(b"\x80\x02]q\x00X\x02\x00\x00\x0042q\x01a.");
    bytes.extend_from_slice(&4_u64.to_le_bytes());
    bytes.extend([1_f32, 2.0, 3.0, 4.0].iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[test]
fn a_dictionary_of_numpy_arrays() {
    let document = read(NUMPY).unwrap();
    let Value::Array(array) = document.root().entry("w").unwrap().value() else { panic!("no array") };
    assert_eq!(array.shape, [2, 2]);
    assert!(array.fortran && array.dtype.big_endian);
    assert_eq!(array.to_f32().unwrap(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(document.root().entry("n").unwrap().as_i64(), Some(-3));
    assert!(document.root().entry("missing").is_none());
}

#[test]
fn a_legacy_checkpoint() {
    let bytes = legacy();
    let checkpoint = torch::read_legacy(&bytes).unwrap();
    let tensors: Vec<_> =
        checkpoint.tensors().map(|(name, view)| (name, view.shape.clone(), checkpoint.to_f32(view).unwrap())).collect();
    assert_eq!(tensors, [("a.weight", vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]), ("b", vec![2], vec![3.0, 4.0])]);
}

#[test]
fn a_transposed_view_is_read_in_row_major_order() {
    let data: Vec<u8> = (0..6_u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
    let storage = Storage { element: Element::F32, key: "0".into(), len: 6 };
    let view = TensorView { storage, offset: 0, shape: vec![3, 2], strides: vec![1, 3] };
    assert_eq!(view.to_f32(&data).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    let past = TensorView { offset: 1, ..view.clone() };
    assert!(matches!(past.to_f32(&data), Err(PickleError::Tensor { .. })));
    // Broadcasting would let eight bytes fill the memory.
    let huge = TensorView { shape: vec![usize::MAX, 1], strides: vec![0, 0], ..view };
    assert!(matches!(huge.to_f32(&data), Err(PickleError::Tensor { .. })));
}

#[test]
fn scalars_are_arrays_without_axes() {
    let storage = Storage { element: Element::I64, key: "0".into(), len: 1 };
    let view = TensorView { storage, offset: 0, shape: vec![], strides: vec![] };
    assert_eq!(view.to_f32(&7_i64.to_le_bytes()).unwrap(), [7.0]);
}

#[test]
fn every_other_object_is_refused_by_name() {
    // The classic: pickle.loads runs a command.
    let attack = b"cos\nsystem\n(S'echo hello'\ntR.";
    let error = read(attack).unwrap_err();
    assert_eq!(error, PickleError::RefusedGlobal { module: "os".into(), name: "system".into(), at: 0 });
    assert!(error.to_string().contains("`os.system`"));
    for attack in [
        &b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93."[..],
        b"ctorch\nload\n.",
        b"cnumpy\nload\n.",
        b"c__builtin__\ngetattr\n.",
    ] {
        assert!(matches!(read(attack), Err(PickleError::RefusedGlobal { .. })), "{attack:?}");
    }
    // INST and OBJ make objects too.
    assert!(matches!(read(b"(ios\nsystem\n."), Err(PickleError::Opcode { code: 0x69, at: 1 })));
}

#[test]
fn objects_in_checkpoints_have_names_and_nothing_else() {
    // pickle.dumps({"args": argparse.Namespace(lr=1), "n": 3, "d": collections.defaultdict(list, a=1)}, protocol=2)
    let bytes = b"\x80\x02}q\x00(X\x04\x00\x00\x00argsq\x01cargparse\nNamespace\nq\x02)\x81q\x03}q\x04X\x02\x00\x00\x00lrq\x05K\x01sbX\x01\x00\x00\x00nq\x06K\x03X\x01\x00\x00\x00dq\x07ccollections\ndefaultdict\nq\x08c__builtin__\nlist\nq\x09\x85q\x0aRq\x0bX\x01\x00\x00\x00aq\x0cK\x01su.";
    assert!(matches!(read(bytes), Err(PickleError::RefusedGlobal { .. })));
    let document = read_checkpoint(bytes).unwrap();
    let entry = |key| document.root().entry(key).unwrap().value().clone();
    assert_eq!(entry("args"), Value::Object("argparse.Namespace".into()));
    assert_eq!(entry("d"), Value::Object("collections.defaultdict".into()));
    assert_eq!(entry("n"), Value::Int(3));
    // Nothing is run here either: the command is a name.
    let attack = read_checkpoint(b"cos\nsystem\n(S'echo hello'\ntR.").unwrap();
    assert_eq!(attack.root().value(), &Value::Object("os.system".into()));
}

#[test]
fn numbers_are_read_in_either_order_of_bytes() {
    let values = [1.5_f32, -2.0];
    let little: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let big: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
    assert_eq!(*Element::F32.floats(&little, false), values);
    assert_eq!(*Element::F32.floats(&big, true), values);
    assert_eq!(*Element::I16.floats(&[0, 1, 0xff, 0xff], true), [1.0, -1.0]);
}

#[test]
fn protocols_agree() {
    // pickle.dumps([None, True, 300, -1, 1.5, "a", ("b", b"")], protocol=p)
    let old = b"(lp0\nNaI01\naI300\naI-1\naF1.5\naVa\np1\na(Vb\np2\nVc\np3\ntp4\na.";
    let two = b"\x80\x02]q\x00(N\x88M,\x01J\xff\xff\xff\xffG?\xf8\x00\x00\x00\x00\x00\x00X\x01\x00\x00\x00aq\x01X\x01\x00\x00\x00bq\x02X\x01\x00\x00\x00cq\x03\x86q\x04e.";
    let four = b"\x80\x04\x95\x2c\x00\x00\x00\x00\x00\x00\x00]\x94(N\x88M,\x01J\xff\xff\xff\xffG?\xf8\x00\x00\x00\x00\x00\x00\x8c\x01a\x94\x8c\x01b\x94\x8c\x01c\x94\x86\x94e.";
    for bytes in [&old[..], two, four] {
        let document = read(bytes).unwrap();
        let items: Vec<_> = document.root().items().map(Node::value).collect();
        assert_eq!(items[0], &Value::None);
        assert_eq!(items[1], &Value::Bool(true));
        assert_eq!(items[2], &Value::Int(300));
        assert_eq!(items[3], &Value::Int(-1));
        assert_eq!(items[4], &Value::Float(1.5));
        assert_eq!(items[5], &Value::Text("a".into()));
        assert_eq!(document.root().item(6).unwrap().item(1).unwrap().as_str(), Some("c"));
    }
}

#[test]
fn what_contains_itself_or_nests_deeply_is_harmless() {
    // l = []; l.append(l)
    let document = read(b"\x80\x02]q\x00h\x00a.").unwrap();
    assert_eq!(document.root().item(0).unwrap().items().count(), 1);
    // A million lists in each other, without marks.
    let mut deep = vec![b']'; 1_000_000];
    deep.extend(std::iter::repeat_n(b'a', 999_999));
    deep.push(b'.');
    drop(read(&deep).unwrap());
    // Marks nest with the pickler's recursion.
    assert!(matches!(read(&vec![b'('; 20_000]), Err(PickleError::TooMuch { .. })));
    assert!(matches!(read(&vec![b'N'; 5_000_000]), Err(PickleError::TooMuch { .. })));
}

#[test]
fn copies_by_calls_are_limited() {
    // A list of 100 000 parts, turned into a set over and over.
    let mut bytes = b"(".to_vec();
    bytes.extend(std::iter::repeat_n(b'N', 100_000));
    bytes.extend_from_slice(b"lq\x00\x85q\x01c__builtin__\nset\nq\x02");
    for _ in 0..1_000 {
        bytes.extend_from_slice(b"h\x02h\x01R");
    }
    bytes.push(b'.');
    assert!(matches!(read(&bytes), Err(PickleError::TooMuch { .. })));
}

#[test]
fn every_truncation_is_an_error() {
    let legacy = legacy();
    for len in 0..legacy.len() {
        assert!(torch::read_legacy(&legacy[..len]).is_err(), "{len}");
    }
    for len in 0..NUMPY.len() {
        assert!(read(&NUMPY[..len]).is_err(), "{len}");
    }
}

#[test]
fn no_flipped_bit_panics() {
    for sample in [legacy(), NUMPY.to_vec()] {
        for bit in 0..sample.len() * 8 {
            let mut bytes = sample.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            read_everything(&bytes);
        }
    }
}

/// Reads the bytes as both kinds of file and every tensor in them.
fn read_everything(bytes: &[u8]) {
    if let Ok(document) = read(bytes) {
        for value in &document.values {
            if let Value::Array(array) = value {
                let _ = array.to_f32();
            }
        }
    }
    let _ = read_checkpoint(bytes);
    if let Ok(checkpoint) = torch::read_legacy(bytes) {
        for (_, tensor) in checkpoint.tensors() {
            let _ = checkpoint.to_f32(tensor);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), magic: bool) {
        let mut file = if magic { legacy()[..15].to_vec() } else { Vec::new() };
        file.extend(bytes);
        read_everything(&file);
    }

    #[test]
    fn no_instructions_panic(codes in proptest::collection::vec(
        prop::sample::select(&b"()]}lt.eaubRNKQcXq\x00h\x02\x85\x86\x87\x88\x93\x8c\x01"[..]), 0..200)) {
        read_everything(&codes);
    }
}
