// The theme's buttons that unfold the contents hold an icon alone: name them for those who hear the page.
addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll(".bd-sidenav summary")) button.setAttribute("aria-label", "pages below");
});
