using System.Text.Json;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;

namespace Livebed.Grains.Tests.Contracts;

/// <summary>What a report leaves out is read as it was.</summary>
public sealed class MessageJsonTests
{
    public static TheoryData<string> Counters =>
        [.. new[] { typeof(VmCounters), typeof(VcpuCounters), typeof(LockStatistics) }.Select(type => type.AssemblyQualifiedName!)];

    [Theory]
    [MemberData(nameof(Counters))]
    public void Counters_come_back_whichever_of_them_are_zero(string name)
    {
        var type = Type.GetType(name)!;
        Assert.Equal("{}", JsonSerializer.Serialize(Activator.CreateInstance(type), type, MessageJson.Options));
        var properties = type.GetProperties().Where(property => property is { CanWrite: true, PropertyType.Name: "Int64" }).ToList();
        Assert.NotEmpty(properties);
        foreach (var one in properties)
        {
            var sent = Activator.CreateInstance(type)!;
            one.SetValue(sent, 7L);
            var read = JsonSerializer.Deserialize(JsonSerializer.Serialize(sent, type, MessageJson.Options), type, MessageJson.Options)!;
            Assert.All(properties, property => Assert.Equal(property == one ? 7L : 0L, property.GetValue(read)));
        }
    }

    [Fact]
    public void An_idle_actors_report_is_short_and_comes_back()
    {
        var sent = new ActorReport { Actor = "vm-1.0@host-0/0", Silo = "silo-0", Counters = new() { Vcpu = new() { Accesses = 3 } } };
        var text = JsonSerializer.Serialize(sent, MessageJson.Options);
        Assert.InRange(text.Length, 1, 300);
        var read = JsonSerializer.Deserialize<ActorReport>(text, MessageJson.Options)!;
        Assert.Equal((sent.Actor, sent.Silo, 3), (read.Actor, read.Silo, read.Counters.Vcpu!.Accesses));
        foreach (var list in typeof(ActorReport).GetProperties().Where(property => property.PropertyType.IsInterface))
            Assert.Empty((System.Collections.IEnumerable)list.GetValue(read)!);
        Assert.Null(read.Counters.Vm);
    }

    [Fact]
    public void What_a_report_has_comes_back()
    {
        var sent = new ActorReport
        {
            Actor = "vm-1.0@host-0",
            Silo = "silo-0",
            MeasuredSince = 5,
            Progress = 6,
            WrittenClasses = 3,
            HistoryDropped = 2,
            Failure = "x",
            Counters = new() { Vm = new() { Faults = 1 } },
            Locks = [new LockReport("mmu_lock", LockMode.Read, new LockStatistics { Acquisitions = 4 })],
            Reached = [new ReachedReport(1, 2)],
            LiveOperations = [9],
            History = [new HistoryEntry(1, "ok", "fault", 2, null)],
            GuestRuns = [new GuestRunsEntry("vm-1.0", "host-0", 1, true, 2)],
            GuestAccesses = new GuestAccessesEntry(1, 2),
            LastOfOthers = [new ActorReport { Actor = "vm-2.0@host-0", Silo = "silo-0" }],
        };
        var text = JsonSerializer.Serialize(sent, MessageJson.Options);
        var read = JsonSerializer.Deserialize<ActorReport>(text, MessageJson.Options);
        Assert.Equal(text, JsonSerializer.Serialize(read, MessageJson.Options));
        foreach (var property in typeof(ActorReport).GetProperties().Where(property => property.Name is not (
            nameof(ActorReport.Waits) or nameof(ActorReport.LockOrder) or nameof(ActorReport.Violations))))
            Assert.Contains($"\"{property.Name}\"", text, StringComparison.Ordinal);
    }
}
