namespace Livebed.Driver.Results;

/// <summary>What a run says about what it tested.</summary>
public enum VerdictKind
{
    Valid,
    Invalid,
    Unknown,
}
