// The keyboard goes to the app from the start.
const waiting = new MutationObserver(() => {
  const keyboard = document.querySelector("#terminal textarea");
  if (keyboard) {
    waiting.disconnect();
    keyboard.focus();
  }
});
waiting.observe(document, { childList: true, subtree: true });
