namespace Livebed.Driver.Exploring;

/// <summary>What `replay` was asked for: a file, the first step to show, and the step after which to stop (null: the end).</summary>
internal sealed record ReplayRequest(string File, long From, long? Until, bool Json);
