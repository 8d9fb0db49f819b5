//! On a real GPU: `cargo test --release -p mambalite --test gpu -- --ignored --nocapture`.

use std::time::Instant;

use mambalite::gpu::Gpu;
use mambalite::picture::Picture;
use mambalite::upscale::Executor;
use mambalite::{parallel, registry};
use mambalite_kernels::Precision;
use mambalite_tests::network;
use sha2::{Digest, Sha256};

const EXECUTORS: [(&str, Executor); 2] = [
    ("whole", Executor::Stream),
    ("tiles", Executor::Patch { tile: 64, halo: 8 }),
];
/// Pictures at once, and LR pixels of each.
const PICTURES: u64 = 4;
const SIZE: (usize, usize) = (320, 180);

#[test]
#[ignore = "needs an NVIDIA GPU of compute capability 8.7 or later"]
fn on_a_real_gpu_every_byte_is_that_of_the_cpu() {
    let pictures: Vec<Picture> = (0..PICTURES)
        .map(|seed| network::picture(SIZE.0, SIZE.1, 3, seed))
        .collect();
    let pictures: Vec<&Picture> = pictures.iter().collect();
    let threads = std::thread::available_parallelism().map_or(1, |it| it.get());
    let mut differ = Vec::new();
    println!("model, precision, executor: device, SHA-256 of the bytes, LR pixels/s, the same?");
    for model in registry::SHIPPED {
        for precision in Precision::ALL {
            let file = model.load(precision).unwrap();
            let mut gpu = Gpu::open(&file).unwrap();
            for (name, executor) in EXECUTORS {
                // Once to take memory, once for the time.
                gpu.upscale(&pictures, executor, &mut |_| ()).unwrap();
                let began = Instant::now();
                let found = gpu.upscale(&pictures, executor, &mut |_| ()).unwrap();
                let seconds = began.elapsed().as_secs_f64();
                let cpu = |it: &&Picture| {
                    parallel::upscale(&file.model(), it, executor, threads, &|_| ()).unwrap()
                };
                let same = pictures.iter().map(cpu).eq(found.iter().cloned());
                let digest = found.iter().fold(Sha256::new(), |digest, picture| {
                    digest.chain_update(picture.data())
                });
                let pixels = (pictures.len() * SIZE.0 * SIZE.1) as f64;
                let what = format!("{}, {precision}, {name}", model.name);
                println!(
                    "{what}: {}, {}, {:.0}, {same}",
                    gpu.device(),
                    hex::encode(digest.finalize()),
                    pixels / seconds
                );
                if !same {
                    differ.push(what);
                }
            }
        }
    }
    assert!(differ.is_empty(), "other bytes than on the CPU: {differ:?}");
}
