// What the pages do beyond showing themselves. Without it they are complete, and light.
import "./parts/theme.js";
import "./parts/sidebars.js";
import "./parts/search-dialog.js";
import "./parts/search.js";
import "./parts/filter.js";
import "./parts/contents.js";
import "./parts/copy.js";
import "./parts/scrolling.js";
import "./parts/film.js";
import "./parts/paper.js";
import "./parts/live.js";
import "./parts/previews.js";
import "./parts/symbols.js";
import "./parts/progress.js";
import "./parts/rings.js";
import "./parts/keys.js";
import "./parts/remembered.js";
