//! The functions as C calls them, on the host.

#![expect(unsafe_code, reason = "calls functions that take pointers")]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one test looks at a dozen bad calls of the same kind"
)]

use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::ptr::{null, null_mut};

use mambalite_kernels::{Model, NoTap, Plan, Upscaler};
use mambalite_kernels_c::*;

const WIDTH: usize = 5;
const HEIGHT: usize = 7;
const ROW_BYTES: usize = WIDTH * 3;

#[repr(align(16))]
struct Aligned<T: ?Sized>(T);

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!(
    "../../../models/mambalite-x4-tiny/w8a8.mls"
));

fn picture_row(y: usize) -> [u8; ROW_BYTES] {
    std::array::from_fn(|i| (i * 31 + y * 17) as u8)
}

fn open(file: &[u8], model: &mut MaybeUninit<ModelHandle>) -> Status {
    // SAFETY: room for a handle, and a file that stays as long as the tests use the handle.
    unsafe { mambalite_open(model.as_mut_ptr(), file.as_ptr(), file.len()) }
}

fn opened() -> MaybeUninit<ModelHandle> {
    let mut model = MaybeUninit::uninit();
    assert_eq!(open(&FILE.0, &mut model), Status::Ok);
    model
}

fn memory_bytes(model: &MaybeUninit<ModelHandle>, width: usize) -> Result<usize, Status> {
    let mut bytes = 0;
    // SAFETY: a handle and a number.
    match unsafe { mambalite_memory_bytes(model.as_ptr(), width, &mut bytes) } {
        Status::Ok => Ok(bytes),
        status => Err(status),
    }
}

fn begin(memory: &mut [u64], bytes: usize) -> Result<*mut Run, Status> {
    let (model, mut run) = (opened(), null_mut());
    let memory = memory.as_mut_ptr().cast();
    // SAFETY: a handle, and memory of at least that many bytes.
    match unsafe { mambalite_begin(model.as_ptr(), WIDTH, HEIGHT, memory, bytes, &mut run) } {
        Status::Ok => Ok(run),
        status => Err(status),
    }
}

fn memory() -> Vec<u64> {
    vec![u64::MAX; memory_bytes(&opened(), WIDTH).map_or(0, |bytes| bytes / 8)]
}

fn push(run: *mut Run, row: &[u8], out: &mut Vec<u8>) -> Status {
    unsafe extern "C" fn keep(context: *mut c_void, _: usize, row: *const u8, row_bytes: usize) {
        // SAFETY: the context is the vector below, and a row has its bytes.
        let (out, row) = unsafe {
            (
                &mut *context.cast::<Vec<u8>>(),
                std::slice::from_raw_parts(row, row_bytes),
            )
        };
        out.extend_from_slice(row);
    }
    let context = (&raw mut *out).cast();
    // SAFETY: a run or null, and a sink for this context.
    unsafe { mambalite_push_row(run, row.as_ptr(), row.len(), Some(keep), context) }
}

#[test]
fn a_picture_is_that_of_the_kernels() {
    let mut expected = Vec::new();
    let model = Model::parse(&FILE.0).unwrap();
    let mut arena = vec![
        0;
        Plan::new(&model, WIDTH)
            .arena_bytes
            .div_ceil(size_of::<u64>())
    ];
    let mut run = Upscaler::new(&model, WIDTH, HEIGHT, &mut arena).unwrap();
    for y in 0..HEIGHT {
        let mut sink = |_: usize, row: &[u8]| expected.extend_from_slice(row);
        run.push_row(&picture_row(y), &mut NoTap, &mut sink)
            .unwrap();
    }

    let (mut memory, mut out) = (memory(), Vec::new());
    let bytes = size_of_val(&memory[..]);
    let run = begin(&mut memory, bytes).unwrap();
    for y in 0..HEIGHT {
        assert_eq!(push(run, &picture_row(y), &mut out), Status::Ok);
    }
    assert_eq!(push(run, &picture_row(0), &mut out), Status::Finished);
    assert_eq!(out.len(), ROW_BYTES * HEIGHT * 16);
    assert_eq!(out, expected);
}

#[test]
fn facts_are_told() {
    let (model, mut info) = (opened(), ModelInfo::default());
    // SAFETY: a handle and a struct.
    let status = unsafe { mambalite_model_info(model.as_ptr(), &mut info) };
    let expected = ModelInfo {
        channels: 3,
        scale: 4,
        activation_bits: 8,
        delay_rows: 5,
        file_bytes: 23_568,
    };
    assert_eq!((status, info), (Status::Ok, expected));
}

#[test]
fn the_memory_is_to_the_byte() {
    let mut memory = memory();
    let bytes = size_of_val(&memory[..]);
    assert_eq!(begin(&mut memory, bytes - 1), Err(Status::MemoryTooSmall));
    assert_eq!(begin(&mut memory, 8), Err(Status::MemoryTooSmall));
    assert_eq!(begin(&mut memory, usize::MAX), Err(Status::Length));
    assert!(begin(&mut memory, bytes).is_ok());
    assert_eq!(memory_bytes(&opened(), 0), Err(Status::PictureSize));
    assert_eq!(memory_bytes(&opened(), 65_536), Err(Status::PictureSize));
}

#[test]
fn models_are_refused() {
    let mut model = MaybeUninit::zeroed();
    assert_eq!(memory_bytes(&model, WIDTH), Err(Status::NotOpen));
    assert_eq!(open(&FILE.0[1..], &mut model), Status::NotAModel);
    assert_eq!(open(&FILE.0[..100], &mut model), Status::ModelTruncated);
    let shifted: &mut [u8] = vec![0; FILE.0.len() + 32].leak();
    let at = 8 + shifted.as_ptr().align_offset(16);
    shifted[at..][..FILE.0.len()].copy_from_slice(&FILE.0);
    assert_eq!(open(&shifted[at..], &mut model), Status::Misaligned);
    shifted.copy_within(at.., at - 8);
    shifted[at - 8 + 5000] ^= 1;
    assert_eq!(open(&shifted[at - 8..], &mut model), Status::ModelCorrupted);
    assert_eq!(memory_bytes(&model, WIDTH), Err(Status::NotOpen));
}

#[test]
fn pointers_are_refused() {
    let (mut model, mut memory, mut run) = (opened(), memory(), null_mut());
    let (handle, bytes) = (model.as_mut_ptr(), size_of_val(&memory[..]));
    let block = memory.as_mut_ptr().cast::<c_void>();
    let (file, row) = (FILE.0.as_ptr(), [0; ROW_BYTES]);
    // SAFETY: every pointer is null, misaligned or good, which is what the calls look at first.
    let said = unsafe {
        [
            mambalite_open(null_mut(), file, FILE.0.len()),
            mambalite_open(handle, null(), 0),
            mambalite_open(handle.byte_add(1), file, FILE.0.len()),
            mambalite_open(handle, file, usize::MAX),
            mambalite_model_info(null(), &mut ModelInfo::default()),
            mambalite_model_info(handle, null_mut()),
            mambalite_memory_bytes(handle, WIDTH, null_mut()),
            mambalite_begin(handle, WIDTH, HEIGHT, null_mut(), bytes, &mut run),
            mambalite_begin(handle, WIDTH, HEIGHT, block, bytes, null_mut()),
            mambalite_begin(
                handle,
                WIDTH,
                HEIGHT,
                block.byte_add(4),
                bytes - 8,
                &mut run,
            ),
            mambalite_begin(handle, WIDTH, 0, block, bytes, &mut run),
            mambalite_push_row(null_mut(), row.as_ptr(), ROW_BYTES, None, null_mut()),
        ]
    };
    use Status::{Length, Misaligned, NullPointer, PictureSize};
    let expected = [
        NullPointer,
        NullPointer,
        Misaligned,
        Length,
        NullPointer,
        NullPointer,
        NullPointer,
        NullPointer,
        NullPointer,
        Misaligned,
        PictureSize,
        NullPointer,
    ];
    assert_eq!(said, expected);
    assert!(run.is_null());
    assert_eq!(push(null_mut(), &row, &mut Vec::new()), NullPointer);
    // The run of this memory could not begin.
    assert_eq!(
        push(memory.as_mut_ptr().cast(), &row, &mut Vec::new()),
        Status::NotOpen
    );
}

#[test]
fn a_row_of_another_length_is_refused_and_the_run_goes_on() {
    let (mut memory, mut out) = (memory(), Vec::new());
    let bytes = size_of_val(&memory[..]);
    let run = begin(&mut memory, bytes).unwrap();
    assert_eq!(push(run, &[0; ROW_BYTES - 1], &mut out), Status::RowLength);
    for y in 0..HEIGHT {
        assert_eq!(push(run, &picture_row(y), &mut out), Status::Ok);
    }
    assert_eq!(out.len(), ROW_BYTES * HEIGHT * 16);
}

#[test]
fn a_sink_cannot_call_its_run() {
    struct Context(*mut Run, Vec<Status>);
    unsafe extern "C" fn again(context: *mut c_void, _: usize, row: *const u8, _: usize) {
        // SAFETY: the context is the one below.
        let context = unsafe { &mut *context.cast::<Context>() };
        // SAFETY: a run, and a row of which the first bytes are there.
        let said =
            unsafe { mambalite_push_row(context.0, row, ROW_BYTES, Some(again), null_mut()) };
        context.1.push(said);
    }
    let mut memory = memory();
    let bytes = size_of_val(&memory[..]);
    let run = begin(&mut memory, bytes).unwrap();
    let mut context = Context(run, Vec::new());
    for y in 0..HEIGHT {
        let row = picture_row(y);
        let place = (&raw mut context).cast();
        // SAFETY: a run, a row and a sink for this context.
        let said = unsafe { mambalite_push_row(run, row.as_ptr(), ROW_BYTES, Some(again), place) };
        assert_eq!(said, Status::Ok);
    }
    assert_eq!(context.1, vec![Status::Busy; HEIGHT * 4]);
}

#[test]
fn any_number_has_a_name() {
    let name = |status| {
        // SAFETY: every text ends with a zero.
        unsafe { CStr::from_ptr(mambalite_status_name(status)) }
            .to_str()
            .unwrap()
    };
    assert_eq!(name(Status::MemoryTooSmall as u32), "memory too small");
    assert_eq!(name(16), "no such status");
    assert_eq!(name(u32::MAX), "no such status");
}
