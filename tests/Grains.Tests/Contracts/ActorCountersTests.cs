using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Host;

namespace Livebed.Grains.Tests.Contracts;

/// <summary>Each counter counts: it crosses the wire and is in the sum. The next one must too.</summary>
public sealed class ActorCountersTests
{
    [Fact]
    public void Every_counter_crosses_the_wire_and_is_added_up()
    {
        var (one, other) = (Filled(3), Filled(1000));
        var sum = JsonSerializer.Deserialize<ActorCounters>(JsonSerializer.Serialize(one))! + other;
        var mine = Values(one).Zip(Values(other), Values(sum)).ToList();
        Assert.True(mine.Count > 70, $"{mine.Count} counters");
        Assert.All(mine, values =>
        {
            var (a, b, total) = values;
            var expected = IsMaximum(a.Name) ? Math.Max(a.Value, b.Value) : a.Value + b.Value;
            Assert.True(expected == total.Value, $"{a.Name}: {a.Value} and {b.Value} make {total.Value}");
        });
    }

    [Fact]
    public void What_is_missing_at_one_is_that_of_the_other()
    {
        var full = Filled(3);
        Assert.Equal(full, full + new ActorCounters());
        Assert.Equal(full, new ActorCounters() + full);
    }

    [Fact]
    public void Every_counter_of_a_host_is_in_its_report()
    {
        var counters = new HostCounters();
        var value = 7L;
        foreach (var field in typeof(HostCounters).GetFields(BindingFlags.Instance | BindingFlags.NonPublic))
            field.SetValue(counters, value++);
        var counts = counters.Read();
        Assert.All(typeof(HostCounts).GetProperties().Where(property => property.PropertyType == typeof(long)), property => Assert.Equal(
            typeof(HostCounters).GetProperty(property.Name)!.GetValue(counters), property.GetValue(counts)));
        Assert.Equal(
            typeof(HostCounters).GetProperties().Select(property => property.Name).Except([nameof(HostCounters.Accesses)]).Order(),
            typeof(HostCounts).GetProperties().Select(property => property.Name).Order());
    }

    private static bool IsMaximum(string name) => name.EndsWith("Max", StringComparison.Ordinal)
        || name is "BehindMicroseconds" or "ProgramMicroseconds";

    /// <summary>Every counter of every part has a value of its own.</summary>
    private static ActorCounters Filled(long first)
    {
        var counters = new ActorCounters();
        foreach (var part in typeof(ActorCounters).GetProperties().Where(property => property.CanWrite))
        {
            var type = Nullable.GetUnderlyingType(part.PropertyType) ?? part.PropertyType;
            var counted = Activator.CreateInstance(type)!;
            foreach (var property in type.GetProperties().Where(property => property.CanWrite))
                property.SetValue(counted, Convert.ChangeType(first++, property.PropertyType, CultureInfo.InvariantCulture));
            part.SetValue(counters, counted);
        }

        return counters;
    }

    private static IEnumerable<(string Name, long Value)> Values(ActorCounters counters) =>
        from part in typeof(ActorCounters).GetProperties()
        where part.CanWrite
        let counted = part.GetValue(counters)
        from property in counted.GetType().GetProperties()
        where property.CanWrite
        select (property.Name, Convert.ToInt64(property.GetValue(counted), CultureInfo.InvariantCulture));
}
