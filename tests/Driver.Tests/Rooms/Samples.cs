// Two rooms that break the rule, each in a way that a weaker reader would miss: for the test of the reader.
namespace Livebed.Driver.Tests.Rooms.SampleBelow
{
    internal sealed class Low
    {
        public static async Task<int> CountAsync()
        {
            await Task.Yield();
            return new List<SampleAbove.High>().Count;
        }
    }
}

namespace Livebed.Driver.Tests.Rooms.SampleAbove
{
    internal sealed class High
    {
        public SampleBelow.Low[] Parts { get; } = [];
    }
}
