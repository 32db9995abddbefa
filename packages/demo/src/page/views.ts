/** On a phone one view at a time is shown; on a wide screen all of them, and the buttons are hidden. */
export function chooseView(): void {
  const buttons = document.querySelectorAll<HTMLButtonElement>(".views button");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      document.body.dataset.view = button.dataset.view ?? "chat";
      for (const b of buttons) b.setAttribute("aria-pressed", String(b === button));
    });
  }
}
