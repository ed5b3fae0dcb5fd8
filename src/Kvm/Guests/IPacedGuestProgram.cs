namespace Livebed.Kvm.Guests;

/// <summary>A program that says how well its vCPU keeps up: programs are open-loop, and falling behind must be visible.</summary>
public interface IPacedGuestProgram : IGuestProgram
{
    /// <summary>How late the newest access was when it was handed out, against its intended time; 0 for a program without a rate.</summary>
    long BehindMicroseconds { get; }

    /// <summary>When the program proper began, in microseconds since the guest's start: not before its memory is populated, and long.MaxValue until then.</summary>
    long ProgramBeganMicroseconds => 0;

    /// <summary>Accesses handed out so far.</summary>
    long AccessesHandedOut { get; }
}
