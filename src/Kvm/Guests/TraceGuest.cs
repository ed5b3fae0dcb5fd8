using Livebed.Kvm.Addresses;
using Livebed.Kvm.Paging;
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
    private long _intervalStart;
    private long _intervalEnd;

    // The current pass over the recording.
    private long _passStart;
    private bool _passHadPages;

    internal TraceGuest(TraceGuestSpec spec, GuestPlace place, PageContent content, SeededRandom random)
    {
        _spec = spec;
        _content = content;
        _random = random;
        _ramBase = place.RamBase;
        _vcpu = place.Vcpu;
        _vcpus = place.Vcpus;
        _reader = DirtyPageTrace.Open(spec.Path);
        try
        {
            if (spec.ReadPercent > 0) _written = new WrittenPages((_reader.Header.Pages - 1) / _vcpus + 1);
            _reader.ReadInterval();
            LoadShare();
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

    public void Dispose() => _reader.Dispose();

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

        _run = 0;
        _shareDone = 0;
        _page = FirstOfShare(_runs[0].First);
        SetDue();
    }

    private void LoadInterval(out bool endOfPass)
    {
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
