namespace Livebed.Kvm.Guests;

/// <summary>
/// Writes every page of the RAM once, as fast as it can, before the guest's own program begins: the first iteration of the kernel's
/// <c>dirty_log_perf_test</c>, which it calls populating memory. Without it a migration meets pages that nothing ever wrote, and those cost
/// next to nothing. Each vCPU writes its share, page % vcpus == vcpu; the program's clock starts when that vCPU is done with it.
/// </summary>
internal sealed class PopulatingGuest : IPacedGuestProgram
{
    private const int StateWords = 3;

    private readonly IPacedGuestProgram _program;
    private readonly PageContent _content;
    private readonly GuestPlace _place;
    private readonly long _pages;
    private long _page;

    /// <param name="program">what follows; at its saved state when there is one</param>
    /// <param name="content">of the program's own</param>
    /// <param name="place">where it runs</param>
    /// <param name="pages">of the RAM</param>
    /// <param name="state">this program's words, without those of the program that follows</param>
    public PopulatingGuest(IPacedGuestProgram program, PageContent content, GuestPlace place, long pages, GuestState? state)
    {
        (_program, _content, _place, _pages, _page) = (program, content, place, pages, place.Vcpu);
        if (state is null) return;
        var words = state.Of(GuestStateKind.Populating, StateWords);
        _page = GuestState.Within(words[1], place.Vcpu, pages + place.Vcpus, "the page to populate");
        ProgramBeganMicroseconds = GuestState.Within(words[2], 0, long.MaxValue, "the end of populating");
    }

    /// <summary>At once, while there is a page to populate.</summary>
    public long NextDueMicroseconds =>
        ProgramBeganMicroseconds == long.MaxValue ? 0
        : _program.NextDueMicroseconds == long.MaxValue ? long.MaxValue
        : ProgramBeganMicroseconds + _program.NextDueMicroseconds;

    public long BehindMicroseconds => _program.BehindMicroseconds;
    public long AccessesHandedOut => _program.AccessesHandedOut + (_page - _place.Vcpu) / _place.Vcpus;

    public long ProgramBeganMicroseconds { get; private set; } = long.MaxValue;

    /// <summary>The program's own state, and the words that <see cref="Split"/> takes off again.</summary>
    public GuestState Save() => new([.. _program.Save().Words, (long)GuestStateKind.Populating, _page, ProgramBeganMicroseconds]);

    /// <summary>The states of the program and of this one.</summary>
    /// <exception cref="ArgumentException">There is no room for this one's words.</exception>
    public static (GuestState Program, GuestState Populating) Split(GuestState state)
    {
        if (state.Words is not { Count: > StateWords })
            throw new ArgumentException($"a saved guest that populates has more than {StateWords} words");
        return (new([.. state.Words.SkipLast(StateWords)]), new([.. state.Words.TakeLast(StateWords)]));
    }

    public int Next(Span<GuestOperation> operations, long nowMicroseconds)
    {
        if (_page >= _pages)
        {
            if (ProgramBeganMicroseconds == long.MaxValue) ProgramBeganMicroseconds = nowMicroseconds;
            return _program.Next(operations, nowMicroseconds - ProgramBeganMicroseconds);
        }

        var count = 0;
        for (; count < operations.Length && _page < _pages; _page += _place.Vcpus)
            operations[count++] = new GuestOperation(_place.RamBase + _page, GuestAccessKind.Write, _content.Next(_page));
        return count;
    }

    public void Dispose() => _program.Dispose();
}
