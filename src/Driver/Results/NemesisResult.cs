namespace Livebed.Driver.Results;

/// <summary>A fault that was made on purpose.</summary>
/// <param name="Fault">its kind</param>
/// <param name="Target">what it struck</param>
/// <param name="BeganMicroseconds">since the run began</param>
/// <param name="EndedMicroseconds">when it was healed, and seen to be</param>
/// <param name="Problem">why it had no effect, or what was not healed; null when all was as planned</param>
/// <param name="Lost">VMs that went with a host</param>
public sealed record NemesisResult(
    string Fault, string Target, long BeganMicroseconds, long EndedMicroseconds, string? Problem, IReadOnlyList<LostVmResult> Lost)
{
    /// <summary>Calls that arrived twice, or late.</summary>
    public long Calls { get; init; }
}

/// <summary>A VM that died with its host.</summary>
/// <param name="Vm">its place in the campaign</param>
/// <param name="Actor">the VM that was there</param>
public sealed record LostVmResult(string Vm, string Actor);
