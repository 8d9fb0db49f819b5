//! Memory of the device as the host sees it, and what a launch refuses.

use mambalite_ptx_vm::{Arg, Device, DeviceError, Launch, LaunchError, Module};

use crate::harness::module;

#[test]
fn allocations_are_apart() {
    let mut device = Device::default();
    let a = device.upload(&[1, 2, 3]).unwrap();
    let b = device.alloc(8).unwrap();
    assert_eq!(a % 256, 0);
    assert!(b - a > 1 << 31);
    device.write(b + 2, &[9, 8]).unwrap();
    assert_eq!(device.read(a, 3).unwrap(), [1, 2, 3]);
    assert_eq!(device.read(b + 2, 2).unwrap(), [9, 8]);
    let uninitialised = DeviceError::Uninitialised {
        address: b,
        bytes: 4,
        at: b,
    };
    assert_eq!(device.read(b, 4), Err(uninitialised));
    let outside = |address, bytes| Err(DeviceError::OutOfBounds { address, bytes });
    assert_eq!(device.read(a, 4), outside(a, 4));
    assert_eq!(
        device.write(a - 1, &[0; 2]),
        outside(a - 1, 2).map(|_: Vec<u8>| ())
    );
    assert_eq!(device.read(0, 1), outside(0, 1));
    assert_eq!(device.read(u64::MAX, 2), outside(u64::MAX, 2));
}

#[test]
fn sizes_have_limits() {
    let mut device = Device::default();
    for bytes in [0, (1 << 30) + 1, usize::MAX] {
        assert!(matches!(device.alloc(bytes), Err(DeviceError::Size { .. })));
    }
}

#[test]
fn freed_memory_is_gone() {
    let mut device = Device::default();
    let a = device.upload(&[1]).unwrap();
    assert_eq!(device.free(a + 1), Err(DeviceError::NotAllocated(a + 1)));
    device.free(a).unwrap();
    assert_eq!(device.free(a), Err(DeviceError::NotAllocated(a)));
    assert!(device.read(a, 1).is_err());
    assert_ne!(device.upload(&[1]).unwrap(), a);
}

#[test]
fn modules_load_once() {
    let text = ".version 8.5\n.target sm_87\n.address_size 64\n.global .u32 x = 5;\n";
    let module = Module::parse(text).unwrap();
    assert_eq!((module.version(), module.target()), ((8, 5), "sm_87"));
    let mut device = Device::default();
    assert_eq!(device.variable(&module, "x"), None);
    device.load(&module).unwrap();
    let (x, bytes) = device.variable(&module, "x").unwrap();
    assert_eq!(device.read(x, bytes).unwrap(), [5, 0, 0, 0]);
    device.write(x, &[6]).unwrap();
    device.load(&module).unwrap();
    assert_eq!(device.variable(&module, "x"), Some((x, 4)));
    assert_eq!(device.read(x, 1).unwrap(), [6]);
    assert_eq!(device.free(x), Err(DeviceError::NotAllocated(x)));
    // The same text again is another module.
    let other = Module::parse(text).unwrap();
    device.load(&other).unwrap();
    assert_ne!(device.variable(&other, "x").unwrap().0, x);
}

#[test]
fn arguments_must_fit() {
    let parameters = ".param .u8 a, .param .u16 b, .param .f32 c, .param .u64 d, \
                      .param .align 8 .b8 e[12], .param .u32 f";
    let text = module(parameters, "ld.param.b64 %rd0, [d]; ld.param.b32 %r0, [f];");
    let module = Module::parse(&text).unwrap();
    let kernel = module.kernel("k").unwrap();
    let mut device = Device::default();
    let mut args = vec![
        Arg::U8(1),
        Arg::U16(2),
        Arg::F32(3.0),
        Arg::I64(-4),
        Arg::Bytes(vec![5; 12]),
        Arg::I32(6),
    ];
    device.launch(kernel, &Launch::linear(1, 1), &args).unwrap();
    args[4] = Arg::Bytes(vec![5; 11]);
    let error = device
        .launch(kernel, &Launch::linear(1, 1), &args)
        .unwrap_err();
    let expected = LaunchError::ArgumentSize {
        kernel: "k".to_owned(),
        index: 4,
        expected: 12,
        found: 11,
    };
    assert_eq!(error, expected);
    args.pop();
    let error = device
        .launch(kernel, &Launch::linear(1, 1), &args)
        .unwrap_err();
    let expected = LaunchError::ArgumentCount {
        kernel: "k".to_owned(),
        expected: 6,
        found: 5,
    };
    assert_eq!(error, expected);
}

#[test]
fn sizes_of_a_launch_have_limits() {
    let module = Module::parse(&module("", ".shared .b8 s[49000]; st.shared.b8 [s], 1;")).unwrap();
    let kernel = module.kernel("k").unwrap();
    let mut device = Device::default();
    let launch = |grid, block, dynamic_shared| Launch {
        grid,
        block,
        dynamic_shared,
    };
    for (grid, block) in [
        ([0, 1, 1], [1, 1, 1]),
        ([1, 1, 1], [1, 0, 1]),
        ([1, 65_536, 1], [1, 1, 1]),
        ([1, 1, 1], [1025, 1, 1]),
        ([1, 1, 1], [1, 1, 65]),
        ([1, 1, 1], [32, 33, 1]),
        ([1 << 31, 1, 1], [1, 1, 1]),
        ([u32::MAX; 3], [u32::MAX; 3]),
        ([65_535, 65_535, 2], [1, 1, 1]),
    ] {
        let error = device
            .launch(kernel, &launch(grid, block, 0), &[])
            .unwrap_err();
        assert_eq!(error, LaunchError::Dimensions { grid, block });
    }
    device
        .launch(kernel, &launch([1; 3], [16, 1, 64], 100_000), &[])
        .unwrap_err();
    let large = launch([1; 3], [1; 3], 163 * 1024 - 49_008);
    device.launch(kernel, &large, &[]).unwrap();
    let larger = launch([1; 3], [1; 3], 163 * 1024 - 49_008 + 1);
    let error = device.launch(kernel, &larger, &[]).unwrap_err();
    let expected = LaunchError::SharedMemory {
        bytes: 163 * 1024 + 1,
        limit: 163 * 1024,
    };
    assert_eq!(error, expected);
}
