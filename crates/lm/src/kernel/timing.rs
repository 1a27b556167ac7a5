//! temp
use super::matmul::*;
#[test]
fn timing() {
    for (r,c,d,t) in [(300,256,128,0),(300,640,128,0),(300,128,320,0),(300,128,640,0),(256,128,300,1),(640,128,300,1),(128,320,300,1),(120,448,128,0)] {
        let s = Shape{rows:r,columns:c,depth:d};
        let a = vec![0.5f32; r*d]; let b = vec![0.25f32; c*d]; let mut o = vec![0f32; r*c];
        let mut best=f64::MAX;
        for _ in 0..30 { let t0=std::time::Instant::now(); for _ in 0..5 { if t==0 {multiply(s,&a,&b,&mut o);} else {multiply_transposed_add(s,&a,&b,&mut o);} } best=best.min(t0.elapsed().as_secs_f64()/5.0); }
        println!("{r}x{c}x{d} t{t}: {:.1} GFLOP/s", 2.0*(r*c*d) as f64/best/1e9);
    }
    let mut g=vec![0.3f32;300*640]; let mut o=vec![0f32;300*320];
    let mut best=f64::MAX; for _ in 0..30 {let t0=std::time::Instant::now(); super::elementwise::swiglu(320,&g,&mut o); best=best.min(t0.elapsed().as_secs_f64());} println!("swiglu {:.2} ns/el", best*1e9/96000.0);
    let mut best=f64::MAX; for _ in 0..30 {let t0=std::time::Instant::now(); super::elementwise::swiglu_backward(320,&o,&mut g); best=best.min(t0.elapsed().as_secs_f64());} println!("swiglu_b {:.2} ns/el", best*1e9/96000.0);
    let gain=vec![1f32;128]; let x=vec![0.1f32;300*128]; let mut y=x.clone(); let mut r=vec![0f32;300];
    let mut best=f64::MAX; for _ in 0..30 {let t0=std::time::Instant::now(); super::lanes::run(super::norm::Forward{epsilon:1e-5,gain:&gain,x:&x,out:&mut y,reciprocal:&mut r}); best=best.min(t0.elapsed().as_secs_f64());} println!("norm {:.2} ns/el", best*1e9/38400.0);
    let mut gg=vec![0f32;128]; let mut dx=x.clone();
    let mut best=f64::MAX; for _ in 0..30 {let t0=std::time::Instant::now(); super::lanes::run(super::norm::Backward{gain:&gain,x:&x,reciprocal:&r,out_gradient:&y,x_gradient:&mut dx,gain_gradient:&mut gg}); best=best.min(t0.elapsed().as_secs_f64());} println!("norm_b {:.2} ns/el", best*1e9/38400.0);
    let h=super::attention::Heads{queries:4,keys:2,width:32,window:128};
    let docs: Vec<_> = (0..25).map(|i| i*12..(i+1)*12).collect();
    let f=vec![0.1f32;300*256]; let mut w=vec![0f32; 25*super::attention::weights_len(h,12)]; let mut out=vec![0f32;300*128]; let mut df=f.clone();
    let mut best=f64::MAX; for _ in 0..30 {let t0=std::time::Instant::now(); super::lanes::run(super::attention::Forward{heads:h,documents:&docs,fused:&f,weights:&mut w,out:&mut out}); best=best.min(t0.elapsed().as_secs_f64());} println!("att f {:.1} us/token", best*1e6/300.0);
    let mut best=f64::MAX; for _ in 0..30 {let t0=std::time::Instant::now(); super::lanes::run(super::attention::Backward{heads:h,documents:&docs,fused:&f,weights:&w,out_gradient:&out,fused_gradient:&mut df}); best=best.min(t0.elapsed().as_secs_f64());} println!("att b {:.1} us/token", best*1e6/300.0);
    let mut lg=vec![0.1f32;120*448]; let tg=vec![3u32;120]; let mut ls=vec![0f32;120];
    let mut best=f64::MAX; for _ in 0..30 {let t0=std::time::Instant::now(); super::loss::cross_entropy(&mut lg,&tg,1.0,&mut ls); best=best.min(t0.elapsed().as_secs_f64());} println!("xent {:.2} ns/el", best*1e9/(120.0*448.0));
    let w=vec![0.1f32;640*128]; let mut wt=w.clone();
    let mut best=f64::MAX; for _ in 0..30 {let t0=std::time::Instant::now(); transpose(640,128,&w,&mut wt); best=best.min(t0.elapsed().as_secs_f64());} println!("transpose {:.2} ns/el", best*1e9/(640.0*128.0));
    let r=super::elementwise::Rotary::new(32,1e4,64); let pos: Vec<u32>=(0..300).map(|i| i%12).collect(); let mut f=f.clone();
    let mut best=f64::MAX; for _ in 0..30 {let t0=std::time::Instant::now(); r.turn(&mut f,256,6,&pos); best=best.min(t0.elapsed().as_secs_f64());} println!("rope {:.2} us/token", best*1e6/300.0);
}
