namespace Livebed.Driver.Shrinking;

/// <summary>What `shrink` was asked for: a file, where the smaller one goes (null: beside it), and for how long.</summary>
internal sealed record ShrinkRequest(string File, string? Out, TimeSpan Budget, bool Json);
