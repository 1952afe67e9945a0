"""Hot topics, live: matters and letters gathered as they come, their heat by area and day, and alarms when there are suddenly many."""
