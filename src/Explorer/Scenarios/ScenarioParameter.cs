namespace Livebed.Explorer.Scenarios;

/// <summary>A number that a scenario can be varied by.</summary>
/// <param name="Name">kebab-case, for `--set name=value`</param>
/// <param name="Summary">what it counts</param>
/// <param name="Default">when it is not set</param>
/// <param name="Min">smallest value allowed</param>
/// <param name="Max">largest value allowed</param>
public sealed record ScenarioParameter(string Name, string Summary, int Default, int Min, int Max);
