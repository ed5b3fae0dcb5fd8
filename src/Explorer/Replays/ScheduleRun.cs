namespace Livebed.Explorer.Replays;

/// <summary>A lane runs for so many steps.</summary>
public readonly record struct ScheduleRun(string Lane, int Steps);
