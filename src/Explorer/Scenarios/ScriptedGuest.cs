using Livebed.Kvm.Guests;

namespace Livebed.Explorer.Scenarios;

/// <summary>A guest that makes the given accesses, one at a time and at its pace, and halts.</summary>
internal sealed class ScriptedGuest : IPacedGuestProgram
{
    public const int AccessesAtATime = 1;

    private const int StateWords = 2;

    private readonly IReadOnlyList<GuestOperation> _accesses;
    private readonly long _paceMicroseconds;
    private int _next;

    /// <exception cref="ArgumentException">The state is none of a guest with so many accesses.</exception>
    public ScriptedGuest(IReadOnlyList<GuestOperation> accesses, GuestState? state = null, long paceMicroseconds = 0)
    {
        (_accesses, _paceMicroseconds) = (accesses, paceMicroseconds);
        if (state is not null)
            _next = (int)GuestState.Within(state.Of(GuestStateKind.Scripted, StateWords)[1], 0, accesses.Count, "the place in the script");
    }

    public bool IsOver => _next == _accesses.Count;
    public long BehindMicroseconds => 0;
    public long AccessesHandedOut => _next;
    public long NextDueMicroseconds => _next * _paceMicroseconds;

    public int Next(Span<GuestOperation> operations, long nowMicroseconds)
    {
        if (IsOver || nowMicroseconds < NextDueMicroseconds) return 0;
        operations[0] = _accesses[_next++];
        return AccessesAtATime;
    }

    public GuestState Save() => new([(long)GuestStateKind.Scripted, _next]);

    public void Dispose()
    {
    }
}
