using Livebed.Kvm.Locks;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>docs/locking.md is true to the code as far as can be said without a run.</summary>
public sealed class LockOrderDocumentTests
{
    private readonly LockOrderDocument _order = LockOrderDocument.Read();

    [Fact]
    public void The_order_names_every_lock_class_and_no_other() =>
        Assert.Equal(
            Enumerable.Range(0, LockClass.Count).Select(index => LockClass.ByIndex(index).Name).Order(StringComparer.Ordinal),
            _order.Classes.Order(StringComparer.Ordinal));

    [Fact]
    public void The_order_has_no_cycle_and_no_line_twice()
    {
        Assert.Empty(_order.Cyclic);
        Assert.Equal(_order.Pairs.Distinct(), _order.Pairs);
        Assert.Equal(["a", "b"], new LockOrderDocument(["a > b", "b > a", "b > c"]).Cyclic);
    }

    [Fact]
    public void Nothing_that_sleeps_is_below_a_lock_that_must_not()
    {
        var classes = Enumerable.Range(0, LockClass.Count).Select(LockClass.ByIndex).ToList();
        foreach (var held in classes.Where(lockClass => !lockClass.MaySleep))
            foreach (var asked in classes.Where(lockClass => lockClass.MaySleep && lockClass != held))
                Assert.False(_order.Allows(Edge(held, asked)));
    }

    [Fact]
    public void The_hazards_are_outside_of_the_order()
    {
        Assert.False(_order.Allows(Edge(LockClasses.KvmSrcu, LockClasses.SlotsLock)));
        Assert.False(_order.Allows(Edge(LockClasses.MnMemslotsUpdateRcuwait, LockClasses.SlotsLock)));
        Assert.False(_order.Allows(Edge(LockClasses.MmapLock, LockClasses.SlotsLock)));
        Assert.False(_order.Allows(Edge(LockClasses.SlotsArchLock, LockClasses.KvmSrcu)));
        Assert.False(_order.Allows(Edge(LockClasses.NotifierSlotsLock, LockClasses.NotifierSlotsLock)));
        Assert.True(_order.Allows(Edge(LockClasses.NotifierSlotsLockUnfair, LockClasses.NotifierSlotsLockUnfair)));
        Assert.True(_order.Allows(Edge(LockClasses.MmapLock, LockClasses.MmuLock)));
    }

    [Fact]
    public void Every_class_has_its_row_in_the_table_with_whether_it_sleeps()
    {
        var rows = File.ReadAllLines(Repository.PathOf("docs", "locking.md"))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .ToDictionary(cells => cells[1].Trim('`'), cells => cells[3]);
        for (var index = 0; index < LockClass.Count; index++)
            Assert.Equal(LockClass.ByIndex(index).MaySleep, rows[LockClass.ByIndex(index).Name] != "no");
    }

    private static LockOrderGraph.Edge Edge(LockClass held, LockClass asked) => new(held, LockMode.Read, asked, LockMode.Read);
}
