namespace Livebed.Kvm.Guests;

/// <summary>Of which kind of program a <see cref="GuestState"/> is; never 0, so that a state of zeroes is none.</summary>
public enum GuestStateKind
{
    None,
    Synthetic,
    Trace,

    /// <summary>A given list of accesses, as in the explorer's scenarios.</summary>
    Scripted,

    /// <summary>Before the program that follows, and with its words.</summary>
    Populating,
}
