using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Guests;

/// <summary>
/// What one vCPU runs: a source of accesses in time. Programs are open-loop: an access is due at an intended time, and a vCPU that was
/// held up (by faults, by locks) finds more due the next time and falls behind, which is reported and never hidden.
/// </summary>
public interface IGuestProgram : IDisposable
{
    /// <summary>Writes the next accesses that are due by <paramref name="nowMicroseconds"/> (since the program's start) in program
    /// order; allocates nothing. 0 means that nothing is due before <see cref="NextDueMicroseconds"/>.</summary>
    int Next(Span<GuestOperation> operations, long nowMicroseconds);

    /// <summary>Nothing will ever be due again: the guest halts. Recorded and synthetic guests never do.</summary>
    bool IsOver => false;

    /// <summary>When the next access is due, in microseconds since the program's start.</summary>
    long NextDueMicroseconds { get; }

    /// <summary>Where the program stands: given this state, a new program of the same spec and place makes the same accesses from here
    /// on.</summary>
    GuestState Save();
}

/// <summary>A program that says how well its vCPU keeps up: programs are open-loop, and falling behind must be visible.</summary>
public interface IPacedGuestProgram : IGuestProgram
{
    /// <summary>How late the newest access was when it was handed out, against its intended time; 0 for a program without a rate.</summary>
    long BehindMicroseconds { get; }

    /// <summary>When the program proper began, in microseconds since the guest's start: not before its memory is populated, and
    /// long.MaxValue until then.</summary>
    long ProgramBeganMicroseconds => 0;

    /// <summary>Accesses handed out so far.</summary>
    long AccessesHandedOut { get; }
}

/// <summary>One access that a guest program wants to make. <paramref name="Value"/> is what a write stores (see
/// <see cref="PageContent"/>).</summary>
public readonly record struct GuestOperation(Gfn Gfn, GuestAccessKind Kind, ulong Value);

public enum GuestAccessKind : int
{
    Read,
    Write,
}
