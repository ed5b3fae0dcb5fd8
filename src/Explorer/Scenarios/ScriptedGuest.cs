using Livebed.Kvm.Guests;

namespace Livebed.Explorer.Scenarios;

/// <summary>A guest that makes the given accesses, one at a time, and halts.</summary>
internal sealed class ScriptedGuest(IReadOnlyList<GuestOperation> accesses) : IPacedGuestProgram
{
    private int _next;

    public bool IsOver => _next == accesses.Count;
    public long BehindMicroseconds => 0;
    public long AccessesHandedOut => _next;
    public long NextDueMicroseconds => 0;

    public int Next(Span<GuestOperation> operations, long nowMicroseconds)
    {
        if (IsOver) return 0;
        operations[0] = accesses[_next++];
        return 1;
    }

    public void Dispose()
    {
    }
}
