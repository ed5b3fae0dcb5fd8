using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Guests;

/// <summary>
/// The guest code of the kernel's selftests (<c>memstress_guest_code</c> in tools/testing/selftests/kvm/lib/memstress.c): touches the
/// pages of its part of memory one after the other or at random, and writes to some share of them. Added are a stride, a rate (open-loop:
/// access k is due at k / rate), and a second window for a share of the accesses. Simplified: the selftests first write every page once;
/// here a read may come to a page that was never written, which holds zeroes as fresh anonymous memory does.
/// </summary>
public sealed class SyntheticGuest : IPacedGuestProgram
{
    private const long MicrosecondsPerSecond = 1_000_000;
    private const int StateWords = 9;

    private readonly SyntheticGuestSpec _spec;
    private readonly PageContent _content;
    private readonly SeededRandom _random;
    private readonly Gfn _ramBase;
    private readonly Gfn _first;
    private readonly long _strides;
    private long _cursor;
    private long _now;
    private long _due;
    private long _dueRemainder;

    internal SyntheticGuest(SyntheticGuestSpec spec, GuestPlace place, PageContent content, SeededRandom random, GuestState? state)
    {
        _spec = spec;
        _content = content;
        _random = state is null ? random : new SeededRandom((ulong)state.Of(GuestStateKind.Synthetic, StateWords)[1]);
        _ramBase = place.RamBase;
        var pages = spec.PagesPerVcpu(place.PageSize);
        _first = spec.Overlapping ? place.RamBase : place.RamBase + place.Vcpu * pages;
        if (spec.Overlapping) pages = checked(pages * place.Vcpus);
        _strides = (pages - 1) / spec.StridePages + 1;
        if (state is not null) Restore(state.Words);
    }

    public long NextDueMicroseconds => _spec.AccessesPerSecond == 0 ? _now : _due;
    public long BehindMicroseconds { get; private set; }
    public long AccessesHandedOut { get; private set; }

    public int Next(Span<GuestOperation> operations, long nowMicroseconds)
    {
        _now = Math.Max(_now, nowMicroseconds);
        var count = 0;
        while (count < operations.Length && NextDueMicroseconds <= nowMicroseconds)
        {
            operations[count++] = NextAccess();
            BehindMicroseconds = nowMicroseconds - NextDueMicroseconds;
            AdvanceDue();
        }

        AccessesHandedOut += count;
        return count;
    }

    public GuestState Save() => new([
        (long)GuestStateKind.Synthetic, (long)_random.State, _content.Sequence, _cursor, _now, _due, _dueRemainder, AccessesHandedOut,
        BehindMicroseconds]);

    public void Dispose()
    {
        // Nothing is held; the interface is disposable for the programs that read files.
    }

    private void Restore(IReadOnlyList<long> words)
    {
        _content.Sequence = GuestState.Within(words[2], 0, long.MaxValue, "the sequence");
        _cursor = GuestState.Within(words[3], 0, _strides - 1, "the page");
        _now = GuestState.Within(words[4], 0, long.MaxValue, "the time");
        _due = GuestState.Within(words[5], 0, long.MaxValue, "the time of the next access");
        _dueRemainder = GuestState.Within(words[6], 0, Math.Max(0, _spec.AccessesPerSecond - 1), "the rest of that time");
        AccessesHandedOut = GuestState.Within(words[7], 0, long.MaxValue, "the number of accesses");
        BehindMicroseconds = GuestState.Within(words[8], 0, long.MaxValue, "the delay");
    }

    private GuestOperation NextAccess()
    {
        var gfn = _spec.ExtraPercent > 0 && _random.Next(100) < _spec.ExtraPercent ? NextExtra() : NextOwn();
        return _spec.WritePercent == 100 || _random.Next(100) < _spec.WritePercent
            ? new GuestOperation(gfn, GuestAccessKind.Write, _content.Next(gfn - _ramBase))
            : new GuestOperation(gfn, GuestAccessKind.Read, 0);
    }

    private Gfn NextOwn()
    {
        if (_spec.RandomAccess) return _first + _random.Next(_strides) * _spec.StridePages;
        var gfn = _first + _cursor * _spec.StridePages;
        if (++_cursor == _strides) _cursor = 0;
        return gfn;
    }

    private Gfn NextExtra()
    {
        var extra = _spec.ExtraRange!.Value;
        return extra.Start + _random.Next(extra.Pages);
    }

    private void AdvanceDue()
    {
        // k / rate without rounding errors that add up: whole microseconds, and the rest carried in units of 1 / rate.
        if (_spec.AccessesPerSecond == 0) return;
        _due += MicrosecondsPerSecond / _spec.AccessesPerSecond;
        _dueRemainder += MicrosecondsPerSecond % _spec.AccessesPerSecond;
        if (_dueRemainder < _spec.AccessesPerSecond) return;
        _dueRemainder -= _spec.AccessesPerSecond;
        _due++;
    }
}

/// <summary>Synthetic guests in the words of the kernel's selftests, see <see cref="SyntheticGuest"/>.</summary>
/// <param name="BytesPerVcpu">dirty_log_perf_test -b: memory per vCPU, rounded up to whole pages</param>
/// <param name="WritePercent">dirty_log_perf_test -w: share of accesses that are writes</param>
/// <param name="RandomAccess">dirty_log_perf_test -a: random pages instead of one after the other</param>
/// <param name="Overlapping">dirty_log_perf_test -o: every vCPU accesses the whole VM's memory instead of a part of its own</param>
/// <param name="StridePages">only every this many pages is accessed</param>
/// <param name="AccessesPerSecond">per vCPU; 0 is as fast as possible</param>
/// <param name="ExtraRange">a second window that some accesses go to, such as a memslot that comes and goes</param>
/// <param name="ExtraPercent">share of accesses that go there</param>
/// <param name="ZeroPercent">see <see cref="GuestSpec"/></param>
/// <param name="RepeatedPercent">see <see cref="GuestSpec"/></param>
/// <param name="Patterns">see <see cref="GuestSpec"/></param>
public sealed record SyntheticGuestSpec(
    long BytesPerVcpu, int WritePercent = 100, bool RandomAccess = false, bool Overlapping = false, int StridePages = 1,
    int AccessesPerSecond = 0, GfnRange? ExtraRange = null, int ExtraPercent = 0,
    int ZeroPercent = 0, int RepeatedPercent = 0, int Patterns = 64)
    : GuestSpec(ZeroPercent, RepeatedPercent, Patterns)
{
    public override long PagesNeeded(int vcpus, int pageSize)
    {
        CheckVcpus(vcpus);
        return checked(vcpus * PagesPerVcpu(pageSize));
    }

    internal long PagesPerVcpu(int pageSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pageSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(BytesPerVcpu);
        return (BytesPerVcpu - 1) / pageSize + 1;
    }

    protected override IPacedGuestProgram Create(GuestPlace place, PageContent content, SeededRandom random, GuestState? state) =>
        new SyntheticGuest(this, place, content, random, state);

    protected override void Check()
    {
        base.Check();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(BytesPerVcpu);
        CheckPercent(WritePercent, nameof(WritePercent), 100);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(StridePages);
        ArgumentOutOfRangeException.ThrowIfNegative(AccessesPerSecond);
        CheckPercent(ExtraPercent, nameof(ExtraPercent), 100);
        if (ExtraPercent > 0 && ExtraRange is null or { IsEmpty: true })
            throw new ArgumentException("accesses go to an extra range that is not there or empty", nameof(ExtraRange));
    }
}
