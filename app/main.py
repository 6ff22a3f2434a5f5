"""The dashboard's frame: what every page shares."""

from __future__ import annotations

import streamlit as st

from app.pages import explore

st.set_page_config(page_title="Regimescope", page_icon="◐", layout="wide")
st.navigation([st.Page(explore.page, title="Explore", url_path="explore", default=True)], position="top").run()
