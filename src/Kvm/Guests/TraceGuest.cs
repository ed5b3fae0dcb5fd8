using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Guests;

/// <summary>
/// Replays one vCPU's share of a recorded trace: the pages with page % vcpus == vcpu, at their recorded times divided by the speed, from
/// the start again when the recording ends. A recording knows no order within an interval, so its pages are spread evenly up to the next
/// interval. Simplified: a recording has no reads; on demand, reads of pages that this program wrote before are mixed in, each due
/// together with the write that follows it.
/// </summary>
public sealed class TraceGuest : IPacedGuestProgram
{
    // What an interval lasts when a recording is too short to tell.
    private const long NominalIntervalMicroseconds = 10_000;

    private const int StateWords = 9;

    private readonly TraceGuestSpec _spec;
    private readonly DirtyPageTraceReader _reader;
    private readonly PageContent _content;
    private readonly SeededRandom _random;
    private readonly Gfn _ramBase;
    private readonly int _vcpu;
    private readonly int _vcpus;
    private readonly WrittenPages? _written;

    // The current interval: its runs (those with pages of this share), and where in them the next write is.
    private PageRun[] _runs = new PageRun[64];
    private int _runCount;
    private int _run;
    private long _page;
    private long _share;
    private long _shareDone;
    private long _interval;
    private long _intervalPass;
    private long _intervalStart;
    private long _intervalEnd;

    // The pass over the recording in which the reader is: the current interval's, or already the next one.
    private long _passStart;
    private long _nextInterval;
    private bool _passHadPages;

    internal TraceGuest(TraceGuestSpec spec, GuestPlace place, PageContent content, SeededRandom random, GuestState? state)
    {
        _spec = spec;
        _content = content;
        _random = state is null ? random : new SeededRandom((ulong)state.Of(GuestStateKind.Trace, StateWords)[1]);
        _ramBase = place.RamBase;
        _vcpu = place.Vcpu;
        _vcpus = place.Vcpus;
        _reader = DirtyPageTrace.Open(spec.Path);
        try
        {
            if (spec.ReadPercent > 0) _written = new WrittenPages((_reader.Header.Pages - 1) / _vcpus + 1);
            _reader.ReadInterval();
            if (state is null) LoadShare();
            else Restore(state.Words);
        }
        catch
        {
            _reader.Dispose();
            throw;
        }
    }

    /// <summary>long.MaxValue when the recording has no page for this vCPU.</summary>
    public long NextDueMicroseconds { get; private set; }

    public long BehindMicroseconds { get; private set; }
    public long AccessesHandedOut { get; private set; }

    /// <exception cref="TraceFormatException">The recording is wrong further on than it was read before.</exception>
    public int Next(Span<GuestOperation> operations, long nowMicroseconds)
    {
        var count = 0;
        while (count < operations.Length && NextDueMicroseconds <= nowMicroseconds)
        {
            BehindMicroseconds = nowMicroseconds - NextDueMicroseconds;
            if (_written is { Count: > 0 } && _random.Next(100) < _spec.ReadPercent)
            {
                operations[count++] = new GuestOperation(_ramBase + (_written.Pick(_random) * _vcpus + _vcpu), GuestAccessKind.Read, 0);
                continue;
            }

            operations[count++] = new GuestOperation(_ramBase + _page, GuestAccessKind.Write, _content.Next(_page));
            _written?.Add(_page / _vcpus);
            Advance();
        }

        AccessesHandedOut += count;
        return count;
    }

    /// <summary>The pages written so far are not part of it: the recording and the place in it say which they are, and in which
    /// order.</summary>
    public GuestState Save() => new([
        (long)GuestStateKind.Trace, (long)_random.State, _content.Sequence, _intervalPass, _interval, _shareDone, _passHadPages
            ? 1
            : 0, AccessesHandedOut,
        BehindMicroseconds]);

    public void Dispose() => _reader.Dispose();

    /// <summary>Reads on to the saved place: at most the recording once, and once more for what a replay that looped had written by
    /// then.</summary>
    private void Restore(IReadOnlyList<long> words)
    {
        _content.Sequence = GuestState.Within(words[2], 0, long.MaxValue, "the sequence");
        var pass = GuestState.Within(words[3], 0, long.MaxValue / 2, "the pass");
        var interval = GuestState.Within(words[4], 0, _reader.Header.Intervals - 1, "the interval");
        if (pass > 0 && _written is not null)
        {
            do ReadWritten();
            while (_reader.ReadInterval());
            _reader.Rewind();
            _reader.ReadInterval();
        }

        for (; _nextInterval < interval; _nextInterval++)
        {
            if (pass == 0) ReadWritten();
            _reader.ReadInterval();
        }

        _passStart = pass;
        LoadInterval(out _);
        _passHadPages = GuestState.Within(words[6], 0, 1, "whether the pass had pages") == 1;
        AccessesHandedOut = GuestState.Within(words[7], 0, long.MaxValue, "the number of accesses");
        BehindMicroseconds = GuestState.Within(words[8], 0, long.MaxValue, "the delay");
        var done = GuestState.Within(words[5], 0, Math.Max(0, _share - 1), "the place in the interval");
        if (_runCount > 0)
        {
            GoTo(done);
            return;
        }

        // Only a guest without any page stands at an interval without one: at the recording's end.
        if (pass > 0 || interval < _reader.Header.Intervals - 1 || AccessesHandedOut > 0)
            throw new ArgumentException($"interval {interval}, where a guest was saved, has no page of its vCPU");
        NextDueMicroseconds = long.MaxValue;
    }

    /// <summary>Takes the current interval's pages of this share for written.</summary>
    private void ReadWritten()
    {
        if (_written is null) return;
        while (_reader.ReadRun(out var run))
            for (var page = FirstOfShare(run.First); page < run.End; page += _vcpus) _written.Add(page / _vcpus);
    }

    /// <summary>To the write of the current interval before which so many are done.</summary>
    private void GoTo(long done)
    {
        (_run, _shareDone, _page) = (0, 0, FirstOfShare(_runs[0].First));
        while (_shareDone < done)
        {
            _written?.Add(_page / _vcpus);
            _shareDone++;
            _page += _vcpus;
            if (_page >= _runs[_run].End) _page = FirstOfShare(_runs[++_run].First);
        }

        SetDue();
    }

    private void Advance()
    {
        _shareDone++;
        _page += _vcpus;
        if (_page < _runs[_run].End)
        {
            SetDue();
        }
        else if (++_run < _runCount)
        {
            _page = FirstOfShare(_runs[_run].First);
            SetDue();
        }
        else
        {
            LoadShare();
        }
    }

    /// <summary>Goes on to the next interval with pages of this share. The reader stands at that interval's runs already, because the
    /// end of one interval is the time of the next.</summary>
    private void LoadShare()
    {
        do
        {
            LoadInterval(out var endOfPass);
            _passHadPages |= _runCount > 0;
            if (!endOfPass) continue;
            if (!_passHadPages)
            {
                NextDueMicroseconds = long.MaxValue;
                return;
            }

            _passHadPages = false;
        }
        while (_runCount == 0);

        GoTo(0);
    }

    private void LoadInterval(out bool endOfPass)
    {
        (_interval, _intervalPass) = (_nextInterval++, _passStart);
        _intervalStart = _passStart + _reader.TimeMicroseconds;
        _runCount = 0;
        _share = 0;
        while (_reader.ReadRun(out var run))
        {
            var share = ShareBelow(run.End) - ShareBelow(run.First);
            if (share == 0) continue;
            if (_runCount == _runs.Length) Array.Resize(ref _runs, 2 * _runs.Length);
            _runs[_runCount++] = run;
            _share += share;
        }

        endOfPass = !_reader.ReadInterval();
        if (endOfPass)
        {
            _passStart = _intervalStart + LastIntervalMicroseconds();
            _nextInterval = 0;
            _reader.Rewind();
            _reader.ReadInterval();
        }

        _intervalEnd = _passStart + (endOfPass ? 0 : _reader.TimeMicroseconds);
    }

    /// <summary>The recording does not say how long its last interval took: as long as the others on average.</summary>
    private long LastIntervalMicroseconds()
    {
        var gaps = _reader.Header.Intervals - 1;
        return gaps == 0 || _reader.TimeMicroseconds < gaps ? NominalIntervalMicroseconds : _reader.TimeMicroseconds / gaps;
    }

    private void SetDue()
    {
        var inInterval = (double)(_intervalEnd - _intervalStart) * _shareDone / _share;
        NextDueMicroseconds = (long)((_intervalStart + inInterval) / _spec.Speed);
    }

    private long FirstOfShare(long page) => page + (_vcpu - page % _vcpus + _vcpus) % _vcpus;

    /// <summary>How many pages below <paramref name="page"/> belong to this share.</summary>
    private long ShareBelow(long page) => (page + _vcpus - 1 - _vcpu) / _vcpus;
}

/// <summary>Guests that replay a recorded trace, see <see cref="TraceGuest"/>. A recorded page is one guest page, whatever its size in the
/// campaign.</summary>
/// <param name="Path">the trace file</param>
/// <param name="Speed">1 is real time, 2 twice as fast; above 0</param>
/// <param name="ReadPercent">share of accesses that are reads of pages written before, 0 to 99</param>
/// <param name="ZeroPercent">see <see cref="GuestSpec"/></param>
/// <param name="RepeatedPercent">see <see cref="GuestSpec"/></param>
/// <param name="Patterns">see <see cref="GuestSpec"/></param>
public sealed record TraceGuestSpec(
    string Path, double Speed = 1, int ReadPercent = 0, int ZeroPercent = 0, int RepeatedPercent = 0, int Patterns = 64)
    : GuestSpec(ZeroPercent, RepeatedPercent, Patterns)
{
    public override long PagesNeeded(int vcpus, int pageSize) => DirtyPageTrace.ReadHeader(Path).Pages;

    protected override IPacedGuestProgram Create(GuestPlace place, PageContent content, SeededRandom random, GuestState? state) =>
        new TraceGuest(this, place, content, random, state);

    protected override void Check()
    {
        base.Check();
        if (!(Speed is >= 0.001 and <= 1000)) throw new ArgumentOutOfRangeException(nameof(Speed), Speed, "the speed is 0.001 to 1000");
        CheckPercent(ReadPercent, nameof(ReadPercent), 99);
    }
}

/// <summary>The set of pages that a program has written, from which one can be picked at random. Sized once: 4 bytes and 1 bit a
/// page.</summary>
internal sealed class WrittenPages(long capacity)
{
    private readonly PageSet _written = new(capacity);
    private readonly int[] _pages = new int[capacity];

    public int Count => (int)_written.Count;

    public void Add(long page)
    {
        if (_written.Add(page)) _pages[Count - 1] = (int)page;
    }

    public long Pick(SeededRandom random) => _pages[random.Next(Count)];
}
