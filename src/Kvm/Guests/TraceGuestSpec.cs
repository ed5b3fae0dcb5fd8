using Livebed.Kvm.World;

namespace Livebed.Kvm.Guests;

/// <summary>Guests that replay a recorded trace, see <see cref="TraceGuest"/>. A recorded page is one guest page, whatever its size in the campaign.</summary>
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
