namespace Livebed.Explorer.Scenarios;

/// <summary>A figure of a schedule that a search makes as large as it can: the worst case.</summary>
/// <param name="Title">what it is, for a person: "longest wait of a memslot update"</param>
/// <param name="Unit">"notifications"</param>
/// <param name="Measure">reads it when the schedule has ended</param>
public sealed record Objective(string Title, string Unit, Func<Stage, long> Measure);
