document.querySelectorAll(".compare").forEach((box) => {
  const range = box.querySelector("input");
  const move = () => box.style.setProperty("--cut", range.value + "%");
  range.hidden = false;
  range.addEventListener("input", move);
  box.classList.add("live");
  move();
});
