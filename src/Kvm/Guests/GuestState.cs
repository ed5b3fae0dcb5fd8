namespace Livebed.Kvm.Guests;

/// <summary>
/// A guest program where it stands, as numbers that only the program of the same spec understands: what registers are to a CPU. Saved of one vCPU and given to the
/// program of another, the second goes on exactly where the first stopped.
/// </summary>
/// <param name="Words">the program's own: a few, and a bit a page for a program that remembers pages</param>
public sealed record GuestState(IReadOnlyList<long> Words);
